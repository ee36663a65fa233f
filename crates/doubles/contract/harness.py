"""What both contract scripts share: named checks, and planning faults in a double."""

import json
import sys
import urllib.request

CHECKS = []


def check(function):
    """Registers a function; its name is the fact that it checks."""
    CHECKS.append(function)
    return function


def post(base_url, path, body):
    """Sends JSON to a control route of the double."""
    request = urllib.request.Request(
        f"{base_url}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()


def run(reset):
    """Runs all checks, each on a fresh double; ends the process with 1 when one fails."""
    failed = 0
    for function in CHECKS:
        reset()
        try:
            function()
            print(f"ok {function.__name__}")
        except Exception as error:  # a failed check must not hide the others
            failed += 1
            print(f"FAILED {function.__name__}: {type(error).__name__}: {error}")
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks hold")
    sys.exit(1 if failed else 0)


def raises(kind, function):
    """The exception of this kind that the function raises."""
    try:
        result = function()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised, but: {result!r}")
