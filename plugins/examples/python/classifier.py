"""Sorts issues by the words of a map in the configuration:

    { "billing": ["invoice", "refund"], "search": ["index", "ranking"] }

componentize-py generates the module `wit_world` from the WIT packages. A class with the name of an interface implements it;
names are in snake_case, and an error is raised as `Err`.
"""

import json
import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.classifier import Classification, Context
from wit_world.exports.metadata import Info, Strategy
from wit_world.imports.types import Issue, PluginError_InvalidSettings

# Depth of an object of lists.
DEPTH_MAX = 2
EXAMPLE = {"billing": ["invoice", "refund"]}

SCHEMA = {
    "type": "object",
    "description": "Words by domain.",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}


class Metadata(exports.Metadata):
    def describe(self) -> Info:
        words = Strategy(
            kind="classifier",
            name="words",
            summary="Sorts issues by the words that they mention",
            settings_schema=json.dumps(SCHEMA),
            example_settings=json.dumps(EXAMPLE),
            extra=[],
        )
        return Info(
            name="python-words",
            version="0.1.0",
            description="Sorts issues by words, in Python",
            homepage=None,
            strategies=[words],
            extra=[],
        )

    def check_settings(self, kind: str, strategy: str, settings: str) -> None:
        read_settings(settings)


class Classifier(exports.Classifier):
    def classify(self, context: Context, issue: Issue) -> Classification:
        mentioned = set(re.findall(r"\w+", f"{issue.title}\n{issue.body}".lower()))
        for domain, words in read_settings(context.settings).items():
            for word in words:
                if word.lower() in mentioned:
                    return answer(domain, 0.7, [f'mentions "{word}"'])
        return answer("unknown", 0.0, [])


def answer(domain: str, confidence: float, reasons: list[str]) -> Classification:
    return Classification(domain, confidence, reasons, alternatives=[], paths=[], extra=[])


def read_settings(text: str) -> dict[str, list[str]]:
    """Returns the words by domain; without settings, those of the example."""
    if depth(text) > DEPTH_MAX:
        raise invalid("expected an object with a list of words for each domain")
    try:
        settings = json.loads(text) if text else EXAMPLE
    except ValueError as error:
        raise invalid(f"not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise invalid("not an object")
    for domain, words in settings.items():
        if not re.fullmatch(r"[a-z0-9-]{1,40}", domain):
            raise invalid(f"{json.dumps(domain)} is not a domain")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise invalid(f"`{domain}` is not a list of words")
    return settings


def depth(text: str) -> int:
    """Returns the depth of the brackets in a JSON text. A recursive parser would overflow its stack on thousands of them."""
    now = most = 0
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(\\.|[^"\\])*"', "", text)):
        now += 1 if bracket in "[{" else -1
        most = max(most, now)
    return most


def invalid(message: str) -> Err:
    return Err(PluginError_InvalidSettings(message))
