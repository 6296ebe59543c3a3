"""Runs the cases of a classifier in wasmtime, without autoissue: decide.py COMPONENT CASES

For `.ci/run`, whose unoptimised autoissue takes minutes to compile 18 MB. Authors use `autoissue plugin test`.
"""

import json
import sys
from types import SimpleNamespace

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

HOST_LOG = "autoissue:plugin/host-log@0.1.0"
CLASSIFIER = "autoissue:classifier/classifier@0.1.0"


def main(file: str, cases: str) -> None:
    engine = Engine()
    component = Component.from_file(engine, file)
    linker = Linker(engine)
    linker.add_wasip2()
    with linker.root() as root, root.add_instance(HOST_LOG) as host_log:
        host_log.add_func("log", lambda _store, level, message: print(f"{level}: {message}"))
    with open(cases, encoding="utf-8") as text:
        for case in json.load(text)["classifier"]:
            answer = classified(engine, linker, component, case)
            assert as_expected(answer, case["expect"]), f"{case['name']}: {answer}"
            print(f"ok      {case['name']}")


def classified(engine: Engine, linker: Linker, component: Component, case: dict):
    """Returns the answer of a new instance, as in a session."""
    store = Store(engine)
    store.set_wasi(WasiConfig())
    instance = linker.instantiate(store, component)
    classify = instance.get_export_index(store, "classify", instance.get_export_index(store, CLASSIFIER))
    context = record(strategy="words", settings=json.dumps(case["settings"]) if "settings" in case else "", domains=[])
    issue = {"repo": "a/b", "number": 1, "title": "", "body": "", "author": "", "labels": [], "created-at-ms": 0, "url": ""}
    return instance.get_func(store, classify)(store, context, record(**issue | case["issue"]))


def record(**fields) -> SimpleNamespace:
    return SimpleNamespace(**fields, extra=[])


def as_expected(answer, expected: dict) -> bool:
    if "error" in expected:
        return expected["error"]["contains"] in answer.payload
    # A confidence has 32 bits.
    shown = {"domain": answer.domain, "confidence": round(answer.confidence, 6), "reasons": answer.reasons}
    return all(shown[key] == value for key, value in expected.items())


main(*sys.argv[1:])
