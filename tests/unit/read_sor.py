"""Check statements of reasons, one JSON object a line, by the rules that the
Commission's database states for its API; written from those rules, not from
our code. Prints what the test compares."""

import datetime
import json
import re
import sys

REQUIRED = ("decision_ground", "content_type", "category", "content_date", "application_date",
            "decision_facts", "source_type", "automated_detection", "automated_decision", "puid")
VALUES = {
    "decision_visibility": ["DECISION_VISIBILITY_" + v for v in (
        "CONTENT_REMOVED CONTENT_DISABLED CONTENT_DEMOTED CONTENT_AGE_RESTRICTED "
        "CONTENT_INTERACTION_RESTRICTED CONTENT_LABELLED OTHER").split()],
    "decision_ground": ["DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"],
    "content_type": ["CONTENT_TYPE_" + v for v in
                     "APP AUDIO IMAGE PRODUCT SYNTHETIC_MEDIA TEXT VIDEO OTHER".split()],
    "category": ["STATEMENT_CATEGORY_" + v for v in (
        "ANIMAL_WELFARE CONSUMER_INFORMATION CYBER_VIOLENCE CYBER_VIOLENCE_AGAINST_WOMEN "
        "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS ILLEGAL_OR_HARMFUL_SPEECH "
        "INTELLECTUAL_PROPERTY_INFRINGEMENTS NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS "
        "NOT_SPECIFIED_NOTICE OTHER_VIOLATION_TC PROTECTION_OF_MINORS RISK_FOR_PUBLIC_SECURITY "
        "SCAMS_AND_FRAUD SELF_HARM UNSAFE_AND_PROHIBITED_PRODUCTS VIOLENCE").split()],
    "category_specification": ["KEYWORD_" + v for v in (
        "CHILD_SEXUAL_ABUSE_MATERIAL CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE "
        "GROOMING_SEXUAL_ENTICEMENT_MINORS NON_CONSENSUAL_IMAGE_SHARING "
        "NON_CONSENSUAL_IMAGE_SHARING_AGAINST_WOMEN NON_CONSENSUAL_MATERIAL_DEEPFAKE "
        "NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN TERRORIST_CONTENT").split()],
    "source_type": ["SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER", "SOURCE_TYPE_OTHER_NOTIFICATION",
                    "SOURCE_VOLUNTARY"],
    "automated_detection": ["Yes", "No"],
    "automated_decision": ["AUTOMATED_DECISION_FULLY", "AUTOMATED_DECISION_PARTIALLY",
                           "AUTOMATED_DECISION_NOT_AUTOMATED"],
}
ARRAYS = ("decision_visibility", "content_type", "category_specification")
LENGTHS = {"illegal_content_legal_ground": 500, "illegal_content_explanation": 2000, "decision_facts": 5000,
           "puid": 500, "content_type_other": 500}
ONLY = set(REQUIRED) | set(VALUES) | set(LENGTHS)


def check(one):
    assert not set(one) - ONLY, "a field the database does not have: %s" % (set(one) - ONLY)
    for name in REQUIRED:
        assert one.get(name), "%s is required" % name
    assert one.get("decision_visibility"), "some decision is required"
    for name, values in VALUES.items():
        if name not in one:
            continue
        assert isinstance(one[name], list) == (name in ARRAYS), name
        for value in one[name] if name in ARRAYS else [one[name]]:
            assert value in values, "%s: %s" % (name, value)
    for name, most in LENGTHS.items():
        assert len(one.get(name, "")) <= most, "%s is too long" % name
    if one["decision_ground"] == "DECISION_GROUND_ILLEGAL_CONTENT":
        assert one.get("illegal_content_legal_ground") and one.get("illegal_content_explanation")
    assert ("CONTENT_TYPE_OTHER" in one["content_type"]) == bool(one.get("content_type_other"))
    assert re.fullmatch(r"[a-zA-Z0-9-_]+", one["puid"]), one["puid"]
    for name, first in (("content_date", "2000-01-01"), ("application_date", "2020-01-01")):
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", one[name])
        assert datetime.date.fromisoformat(first) <= datetime.date.fromisoformat(one[name]) <= datetime.date(2038, 1, 1)


for line in sys.stdin:
    statement = json.loads(line)
    check(statement)
    for key in sorted(statement):
        value = statement[key]
        print("%s=%s" % (key, "+".join(value) if isinstance(value, list) else value))
