"""Qdrant's own client library against the double: qdrant_sdk.py BASE_URL KEY

What the client's own in-memory mode can do as well is asked of both, and the answers must agree: that mode is Qdrant's
own description of what its server does.
"""

import random
import sys
import uuid

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from harness import check, post, raises, run

BASE_URL, KEY = sys.argv[1:3]
NAME = "book-1"
DIMENSIONS = 8


def client(key=KEY, timeout=10):
    return QdrantClient(url=BASE_URL, api_key=key, timeout=timeout, check_compatibility=False)


def fault(kind, **fields):
    post(BASE_URL, "__faults", [{"kind": kind, **fields}])


def reset():
    post(BASE_URL, "__reset", {})
    for collection in client().get_collections().collections:
        client().delete_collection(collection.name)


def points(seed=7, count=40):
    draw = random.Random(seed)
    made = []
    for number in range(count):
        places = sorted(draw.sample(range(30), 6))
        payload = {"file_path": f"docs/{number % 5}.md", "locale": "en" if number % 3 else "de", "content": f"text {number}"}
        if number % 4:
            payload["version"] = f"{number % 2}.0"
        made.append(
            models.PointStruct(
                id=str(uuid.UUID(int=draw.getrandbits(128))),
                vector={
                    "dense": [draw.uniform(-1, 1) for _ in range(DIMENSIONS)],
                    "bm25": models.SparseVector(indices=places, values=[draw.uniform(0.1, 2) for _ in places]),
                },
                payload=payload,
            )
        )
    return made


def create(where, name=NAME, **fields):
    where.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)},
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        **fields,
    )


def filled(where):
    create(where)
    for field in ["version", "locale", "file_path"]:
        where.create_payload_index(NAME, field, models.PayloadSchemaType.KEYWORD)
    where.upsert(NAME, points(), wait=True)
    return where


def both():
    return filled(client()), filled(QdrantClient(":memory:"))


def match(key, value):
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


SCOPE = models.Filter(
    must=[
        models.Filter(should=[match("version", "1.0"), models.IsEmptyCondition(is_empty=models.PayloadField(key="version"))]),
        match("locale", "en"),
    ]
)
DENSE = [0.3, -0.2, 0.9, 0.1, -0.7, 0.4, 0.0, 0.5]
SPARSE = models.SparseVector(indices=[3, 7, 12, 25], values=[1.0, 0.5, 1.0, 2.0])


def same(one, other):
    assert len(one) == len(other), (len(one), len(other))
    for left, right in zip(one, other):
        assert left.id == right.id and abs(left.score - right.score) < 1e-4, (left, right)
        assert left.payload == right.payload


@check
def a_collection_is_described():
    create(client(), metadata={"docent": {"embedder": "x"}})
    info = client().get_collection(NAME)
    assert info.config.params.vectors["dense"].size == DIMENSIONS
    assert info.config.params.sparse_vectors["bm25"].modifier == models.Modifier.IDF
    assert info.config.metadata == {"docent": {"embedder": "x"}} and info.points_count == 0
    assert info.config.strict_mode_config.enabled
    assert client().collection_exists(NAME) and not client().collection_exists("nobody")
    error = raises(UnexpectedResponse, lambda: create(client()))
    assert error.status_code == 409 and b"already exists" in error.content, error


@check
def both_legs_and_their_fusion_are_those_of_qdrant():
    double, own = both()
    queries = [
        {"query": DENSE, "using": "dense"},
        {"query": SPARSE, "using": "bm25"},
        {"query": DENSE, "using": "dense", "query_filter": SCOPE},
        {"query": SPARSE, "using": "bm25", "query_filter": SCOPE, "limit": 3},
        {"query": DENSE, "using": "dense", "score_threshold": 0.3},
    ]
    for query in queries:
        query = {"collection_name": NAME, "limit": 20, "with_payload": True, **query}
        same(double.query_points(**query).points, own.query_points(**query).points)


@check
def fusion_is_that_of_qdrant():
    double, own = both()
    prefetch = [
        models.Prefetch(query=DENSE, using="dense", limit=9, filter=SCOPE),
        models.Prefetch(query=SPARSE, using="bm25", limit=5, filter=SCOPE),
    ]
    for fusion in [models.FusionQuery(fusion=models.Fusion.RRF), models.RrfQuery(rrf=models.Rrf(k=60))]:
        found = [
            where.query_points(NAME, prefetch=prefetch, query=fusion, limit=12).points for where in (double, own)
        ]
        # Ties may come in any order.
        scores = [sorted(round(point.score, 4) for point in points) for points in found]
        assert scores[0] == scores[1] and scores[0], scores
        assert {point.id for point in found[0]} == {point.id for point in found[1]}


@check
def several_queries_go_in_one_call():
    double = filled(client())
    requests = [
        models.QueryRequest(query=DENSE, using="dense", limit=4, with_payload=True),
        models.QueryRequest(query=SPARSE, using="bm25", limit=6),
    ]
    dense, sparse = double.query_batch_points(NAME, requests)
    assert (len(dense.points), len(sparse.points)) == (4, 6)
    assert dense.points[0].payload and not sparse.points[0].payload


@check
def points_are_read_counted_and_removed_alike():
    double, own = both()
    ids = [point.id for point in points()]
    for where in (double, own):
        assert len(where.retrieve(NAME, ids[:3], with_vectors=True)[0].vector["dense"]) == DIMENSIONS
    pages = []
    for where in (double, own):
        page, offset = where.scroll(NAME, limit=15, with_payload=["locale"])
        rest, end = where.scroll(NAME, limit=100, offset=offset, scroll_filter=SCOPE)
        pages.append(([point.id for point in page], [point.payload for point in page], len(rest), end))
    assert pages[0] == pages[1], pages
    counts = lambda where: (where.count(NAME, count_filter=SCOPE).count, where.count(NAME).count)
    assert counts(double) == counts(own)
    for where in (double, own):
        where.delete(NAME, models.PointIdsList(points=ids[:2]))
        where.delete(NAME, models.FilterSelector(filter=models.Filter(must=[match("locale", "de")])))
        where.set_payload(NAME, {"extra": 1}, points=[ids[4]])
    assert counts(double) == counts(own)
    assert double.retrieve(NAME, [ids[4]]) == own.retrieve(NAME, [ids[4]])


@check
def an_upsert_replaces_and_does_not_double():
    double = filled(client())
    double.upsert(NAME, points(), wait=True)
    assert double.count(NAME).count == 40
    double.upsert(NAME, [models.PointStruct(id=points()[0].id, vector={}, payload={"notes": 1})], wait=True)
    again = double.retrieve(NAME, [points()[0].id], with_vectors=True)[0]
    assert again.payload == {"notes": 1} and not again.vector


@check
def an_alias_moves_in_one_step():
    double = filled(client())
    create(double, "book-2")
    make = lambda name: models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name="book"))
    remove = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="book"))
    double.update_collection_aliases([make(NAME)])
    assert double.count("book").count == 40
    double.update_collection_aliases([remove, make("book-2")])
    assert double.count("book").count == 0
    assert [(alias.alias_name, alias.collection_name) for alias in double.get_aliases().aliases] == [("book", "book-2")]
    error = raises(UnexpectedResponse, lambda: create(double, "book"))
    assert b"Alias with the same name already exists" in error.content, error
    error = raises(UnexpectedResponse, lambda: double.update_collection_aliases([remove, make("nobody")]))
    assert error.status_code == 404 and double.count("book").count == 0, "all actions or none"
    double.delete_collection("book-2")
    assert not double.get_aliases().aliases


@check
def strict_mode_wants_an_index_for_every_filter():
    double = client()
    create(double)
    double.upsert(NAME, points(), wait=True)
    error = raises(UnexpectedResponse, lambda: double.count(NAME, count_filter=SCOPE))
    assert error.status_code == 400 and b"Index required but not found for" in error.content, error
    selector = models.FilterSelector(filter=models.Filter(must=[match("locale", "de")]))
    assert raises(UnexpectedResponse, lambda: double.delete(NAME, selector)).status_code == 400
    error = raises(UnexpectedResponse, lambda: double.scroll(NAME, limit=5000))
    assert b"Limit exceeded 5000 > 1000" in error.content, error


@check
def wrong_vectors_are_refused():
    double = filled(client())
    error = raises(UnexpectedResponse, lambda: double.query_points(NAME, query=[0.1, 0.2], using="dense"))
    assert b"Vector dimension error: expected dim: 8, got 2" in error.content, error
    error = raises(UnexpectedResponse, lambda: double.query_points(NAME, query=DENSE, using="other"))
    assert b"Not existing vector name error: other" in error.content, error
    wrong = models.PointStruct(id=7, vector={"dense": [1.0]})
    assert raises(UnexpectedResponse, lambda: double.upsert(NAME, [wrong])).status_code == 400


@check
def an_unnamed_vector_is_searched_without_name():
    double, own = client(), QdrantClient(":memory:")
    for where in (double, own):
        where.create_collection("plain", models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE))
        made = [models.PointStruct(id=n.id, vector=n.vector["dense"], payload=n.payload) for n in points()]
        where.upload_points("plain", made, wait=True)
    query = {"query": DENSE, "limit": 7}
    same(double.query_points("plain", **query).points, own.query_points("plain", **query).points)
    assert double.get_collection("plain").config.params.vectors.size == DIMENSIONS


@check
def keys_are_checked_in_plain_text():
    for key, words in [(None, b"Must provide an API key"), ("wrong", b"Invalid API key or JWT")]:
        error = raises(UnexpectedResponse, lambda: client(key=key).get_collections())
        assert error.status_code == 401 and words in error.content, error


@check
def what_is_not_there_is_not_found():
    error = raises(UnexpectedResponse, lambda: client().count("nobody"))
    assert error.status_code == 404 and b"Collection `nobody` doesn't exist!" in error.content, error


@check
def faults_come_as_the_client_knows_them():
    double = filled(client())
    fault("suspended")
    error = raises(UnexpectedResponse, lambda: double.count(NAME))
    assert error.status_code == 404 and b"page not found" in error.content, error
    fault("status", code=503)
    assert raises(UnexpectedResponse, lambda: double.count(NAME)).status_code == 503
    fault("rate_limited", quota="minute", retry_after_ms=2000)
    limited = raises(Exception, lambda: double.count(NAME))
    assert getattr(limited, "retry_after_s", None) == 2, repr(limited)
    fault("hang")
    raises(ResponseHandlingException, lambda: client(timeout=1).count(NAME))


run(reset)
