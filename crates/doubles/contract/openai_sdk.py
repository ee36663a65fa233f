"""OpenAI's own client library against the OpenAI-compatible double: openai_sdk.py BASE_URL KEY"""

import asyncio
import sys

import openai

from harness import check, post, raises, run

BASE_URL, KEY = sys.argv[1:3]
CONTROL = BASE_URL.removesuffix("/v1")
MODEL, REASONING, EMBEDDING = "double-chat", "double-reasoning", "double-embedding"
PROMPT = '<passage n="1" page="A">\nTorque is measured in newton metres.\n</passage>\nWhich unit has torque?'
ANSWER = "According to the book: Torque is measured in newton metres [1]."


def client(key=KEY, retries=0, timeout=10):
    return openai.OpenAI(api_key=key, base_url=BASE_URL, max_retries=retries, timeout=timeout)


def messages(text=PROMPT):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def chat(model=MODEL, **fields):
    return client().chat.completions.create(model=model, messages=messages(), **fields)


def stream(**fields):
    options = {"include_usage": True}
    return list(chat(stream=True, stream_options=options, **fields))


def fault(kind, **fields):
    post(CONTROL, "__faults", [{"kind": kind, **fields}])


@check
def an_answer_comes_whole():
    completion = chat(max_tokens=512, temperature=0.2, seed=7)
    assert completion.choices[0].message.content == ANSWER
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


@check
def an_answer_is_streamed():
    chunks = stream()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ANSWER and len(chunks) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens > 0


@check
def an_answer_is_streamed_asynchronously():
    async def collect():
        aclient = openai.AsyncOpenAI(api_key=KEY, base_url=BASE_URL, max_retries=0)
        text = ""
        async for chunk in await aclient.chat.completions.create(model=MODEL, messages=messages(), stream=True):
            text += chunk.choices[0].delta.content or ""
        return text

    assert asyncio.run(collect()) == ANSWER


@check
def characters_split_over_writes_stay_whole():
    post(CONTROL, "__answers", {"always": "Größe: 你好 🙂"})
    fault("split_utf8")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream() if chunk.choices) == "Größe: 你好 🙂"


@check
def texts_are_embedded_in_both_encodings():
    texts = ["Torque is measured in newton metres.", "How is torque measured?", "The cat sleeps."]
    default = client().embeddings.create(model=EMBEDDING, input=texts)
    floats = client().embeddings.create(model=EMBEDDING, input=texts, encoding_format="float")
    order = lambda reply: [item.embedding for item in sorted(reply.data, key=lambda item: item.index)]
    for one, other in zip(order(default), order(floats)):
        assert len(one) == 256 and max(abs(x - y) for x, y in zip(one, other)) < 1e-6
    vectors = order(floats)
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    assert dot(vectors[0], vectors[1]) > dot(vectors[0], vectors[2])
    short = client().embeddings.create(model=EMBEDDING, input="one text", dimensions=64)
    assert len(short.data) == 1 and len(short.data[0].embedding) == 64


@check
def models_are_listed_and_described():
    assert [model.id for model in client().models.list()] == [MODEL, REASONING, EMBEDDING]
    assert client().models.retrieve(MODEL).id == MODEL
    raises(openai.NotFoundError, lambda: client().models.retrieve("nobody"))


@check
def an_unknown_model_is_not_found():
    error = raises(openai.NotFoundError, lambda: chat(model="nobody"))
    assert error.code == "model_not_found" and "`nobody` does not exist" in error.message, error


@check
def a_wrong_key_is_an_authentication_error():
    create = client(key="sk-wrong").chat.completions.create
    error = raises(openai.AuthenticationError, lambda: create(model=MODEL, messages=messages()))
    assert error.code == "invalid_api_key", error


@check
def a_wrong_field_is_a_bad_request():
    raises(openai.BadRequestError, lambda: chat(extra_body={"foo": 1}))
    error = raises(openai.BadRequestError, lambda: chat(model=REASONING, max_tokens=9))
    assert error.code == "unsupported_parameter" and error.param == "max_tokens", error
    assert chat(model=REASONING, max_completion_tokens=512).choices[0].message.content == ANSWER


@check
def a_limit_is_a_rate_limit_error():
    fault("rate_limited", quota="minute", retry_after_ms=1500)
    error = raises(openai.RateLimitError, chat)
    assert error.code == "rate_limit_exceeded" and error.response.headers["retry-after-ms"] == "1500", error
    fault("rate_limited", quota="day", retry_after_ms=0)
    assert raises(openai.RateLimitError, chat).code == "insufficient_quota"


@check
def a_stated_wait_is_honoured_by_the_client():
    fault("rate_limited", quota="minute", retry_after_ms=20)
    completion = client(retries=1).chat.completions.create(model=MODEL, messages=messages())
    assert completion.choices[0].message.content == ANSWER


@check
def overload_is_an_internal_server_error():
    for code in [500, 503]:
        fault("status", code=code)
        assert raises(openai.InternalServerError, chat).status_code == code


@check
def an_error_in_the_stream_is_raised():
    for after in [0, 1]:
        fault("error_event", after=after, code=503)
        raises(openai.APIError, stream)


@check
def a_hanging_call_times_out():
    fault("hang")
    create = client(timeout=0.2).chat.completions.create
    raises(openai.APITimeoutError, lambda: create(model=MODEL, messages=messages()))


@check
def other_endings_have_their_reason():
    for reason in ["length", "content_filter"]:
        fault("finish", reason=reason)
        assert chat().choices[0].finish_reason == reason


run(lambda: post(CONTROL, "__reset", {}))
