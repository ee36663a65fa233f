"""Google's own client library against the Gemini double: gemini_sdk.py BASE_URL KEY VERSION"""

import asyncio
import math
import sys

from google import genai
from google.genai import errors, types

from harness import check, post, raises, run

BASE_URL, KEY, VERSION = sys.argv[1:4]
MODEL = "gemini-3.5-flash-lite"
PROMPT = '<passage n="1" page="A">\nTorque is measured in newton metres.\n</passage>\nWhich unit has torque?'
ANSWER = "According to the book: Torque is measured in newton metres [1]."


KEPT = []  # a client that nobody holds closes its connections, also while its models are in use


def client(key=KEY, retry=None, timeout=10_000):
    options = types.HttpOptions(base_url=BASE_URL, api_version=VERSION, timeout=timeout, retry_options=retry)
    KEPT.append(genai.Client(api_key=key, http_options=options))
    return KEPT[-1]


def generate(model=MODEL, contents=PROMPT, **config):
    config = types.GenerateContentConfig(**config) if config else None
    return client().models.generate_content(model=model, contents=contents, config=config)


def stream(model=MODEL, contents=PROMPT, **config):
    config = types.GenerateContentConfig(**config) if config else None
    return list(client().models.generate_content_stream(model=model, contents=contents, config=config))


def fault(kind, **fields):
    post(BASE_URL, "__faults", [{"kind": kind, **fields}])


@check
def an_answer_comes_whole():
    response = generate(
        system_instruction="Be brief.",
        max_output_tokens=512,
        seed=7,
        stop_sequences=["END"],
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_ONLY_HIGH")],
        thinking_config=types.ThinkingConfig(thinking_level="low"),
    )
    assert response.text == ANSWER, response.text
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    assert response.usage_metadata.prompt_token_count > 0
    assert response.usage_metadata.thoughts_token_count == 64
    assert response.model_version == MODEL


@check
def an_answer_is_streamed():
    chunks = stream()
    assert len(chunks) > 1, chunks
    assert "".join(chunk.text or "" for chunk in chunks) == ANSWER
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[0].candidates[0].finish_reason is None


@check
def an_answer_is_streamed_asynchronously():
    async def collect():
        text = ""
        async for chunk in await client().aio.models.generate_content_stream(model=MODEL, contents=PROMPT):
            text += chunk.text or ""
        return text

    assert asyncio.run(collect()) == ANSWER


@check
def a_chat_keeps_its_turns():
    chat = client().chats.create(model=MODEL)
    assert chat.send_message("Hello there").text == "You said: Hello there"
    assert chat.send_message("Once more").text == "You said: Once more"
    assert len(chat.get_history()) == 4


@check
def thoughts_are_parts_of_their_own():
    response = generate(thinking_config=types.ThinkingConfig(include_thoughts=True))
    assert [part.thought for part in response.candidates[0].content.parts] == [True, None]
    assert response.text == ANSWER


@check
def characters_split_over_writes_stay_whole():
    post(BASE_URL, "__answers", {"always": "Größe: 你好 🙂"})
    fault("split_utf8")
    assert "".join(chunk.text or "" for chunk in stream()) == "Größe: 你好 🙂"


@check
def texts_are_embedded():
    texts = ["Torque is measured in newton metres.", "How is torque measured?", "The cat sleeps."]
    for model in ["gemini-embedding-001", "gemini-embedding-2"]:
        contents = [types.Content(parts=[types.Part(text=text)]) for text in texts]
        config = types.EmbedContentConfig(output_dimensionality=256)
        response = client().models.embed_content(model=model, contents=contents, config=config)
        vectors = [embedding.values for embedding in response.embeddings]
        assert [len(vector) for vector in vectors] == [256] * 3, vectors
        dot = lambda a, b: sum(x * y for x, y in zip(a, b))
        assert dot(vectors[0], vectors[1]) > dot(vectors[0], vectors[2])
        norm = math.sqrt(dot(vectors[0], vectors[0]))
        assert abs(norm - (0.7 if model.endswith("001") else 1.0)) < 1e-3, norm


@check
def a_task_type_and_a_title_are_taken():
    config = types.EmbedContentConfig(task_type="RETRIEVAL_DOCUMENT", title="Units", output_dimensionality=768)
    response = client().models.embed_content(model="gemini-embedding-001", contents="Torque.", config=config)
    assert len(response.embeddings) == 1 and len(response.embeddings[0].values) == 768


@check
def a_batch_over_a_hundred_is_refused():
    texts = [types.Content(parts=[types.Part(text=f"text {number}")]) for number in range(101)]
    embed = client().models.embed_content
    error = raises(errors.ClientError, lambda: embed(model="gemini-embedding-2", contents=texts))
    assert error.code == 400 and "at most 100 requests" in error.message, error


@check
def models_are_listed_and_described():
    names = [model.name for model in client().models.list(config={"page_size": 3, "query_base": True})]
    assert len(names) == len(set(names)) == 9, names
    model = client().models.get(model=MODEL)
    assert model.name == f"models/{MODEL}" and model.input_token_limit == 1_048_576
    assert "generateContent" in model.supported_actions


@check
def tokens_are_counted():
    assert client().models.count_tokens(model=MODEL, contents="x" * 40).total_tokens == 10


@check
def an_unknown_model_is_a_client_error():
    for call in [generate, stream]:
        error = raises(errors.ClientError, lambda: call(model="gemini-1.5-flash"))
        assert error.code == 404 and error.status == "NOT_FOUND", error
        assert f"is not found for API version {VERSION}" in error.message, error
    assert raises(errors.ClientError, lambda: client().models.get(model="nobody")).code == 404


@check
def a_wrong_key_is_a_client_error():
    models = client(key="wrong").models
    error = raises(errors.ClientError, lambda: models.generate_content(model=MODEL, contents="x"))
    assert error.code == 400 and error.details["error"]["details"][0]["reason"] == "API_KEY_INVALID", error


@check
def a_spent_quota_is_a_client_error_with_details():
    for quota, period in [("minute", "PerMinute"), ("day", "PerDay")]:
        for call in [generate, stream]:
            fault("rate_limited", quota=quota, retry_after_ms=23_470)
            error = raises(errors.ClientError, call)
            assert error.code == 429 and error.status == "RESOURCE_EXHAUSTED", error
            details = {detail["@type"].rsplit(".", 1)[1]: detail for detail in error.details["error"]["details"]}
            assert details["RetryInfo"]["retryDelay"] == "23.47s", details
            assert period in details["QuotaFailure"]["violations"][0]["quotaId"], details


@check
def overload_is_a_server_error():
    for code, status in [(500, "INTERNAL"), (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")]:
        for call in [generate, stream]:
            fault("status", code=code)
            error = raises(errors.ServerError, call)
            assert error.code == code and error.status == status, error


@check
def overload_is_retried_when_asked_for():
    fault("status", code=503)
    retry = types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.01, jitter=0)
    assert client(retry=retry).models.generate_content(model=MODEL, contents=PROMPT).text == ANSWER


@check
def an_error_in_the_stream_is_raised():
    for kind in ["raw_error", "error_event"]:
        for after in [0, 1]:
            fault(kind, after=after, code=503)
            error = raises(errors.APIError, stream)
            assert error.code == 503, error


@check
def a_cut_stream_is_not_mistaken_for_an_answer():
    fault("cut", after=1)
    error = raises(Exception, stream)
    assert "Protocol" in type(error).__name__ or "Read" in type(error).__name__, repr(error)


@check
def a_hanging_call_times_out():
    models = client(timeout=200).models
    fault("hang")
    error = raises(Exception, lambda: models.generate_content(model=MODEL, contents="x"))
    assert "Timeout" in type(error).__name__, repr(error)


@check
def a_blocked_prompt_has_its_reason():
    fault("blocked_prompt", reason="SAFETY")
    response = generate()
    assert not response.candidates
    assert response.prompt_feedback.block_reason == types.BlockedReason.SAFETY
    fault("blocked_prompt", reason="PROHIBITED_CONTENT")
    assert stream()[0].prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


@check
def odd_endings_are_understood():
    fault("empty_answer")
    response = generate()
    assert not response.text and response.candidates[0].finish_reason == types.FinishReason.STOP
    fault("max_tokens_after_thinking")
    response = generate(max_output_tokens=100)
    assert not response.text and response.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert response.usage_metadata.thoughts_token_count == 100
    fault("finish", reason="SAFETY")
    assert stream()[-1].candidates[0].finish_reason == types.FinishReason.SAFETY
    fault("finish", reason="A_NEW_REASON")
    assert stream()[-1].candidates[0].finish_reason.value == "A_NEW_REASON"


@check
def wrong_settings_are_refused():
    level = types.ThinkingConfig(thinking_level="minimal")
    error = raises(errors.ClientError, lambda: generate(model="gemini-3.8-flash", thinking_config=level))
    assert error.code == 400 and "MINIMAL is not supported" in error.message, error
    both = types.ThinkingConfig(thinking_level="low", thinking_budget=10)
    assert raises(errors.ClientError, lambda: generate(thinking_config=both)).code == 400
    assert raises(errors.ClientError, lambda: generate(max_output_tokens=1_000_000)).code == 400


run(lambda: post(BASE_URL, "__reset", {}))
