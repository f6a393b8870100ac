"""What tests/scripts/metrics.sh asks of an exposition and of what is made for it.

metrics.py strict FILE              OpenMetrics by prometheus_client's parser; no sample twice; sums
metrics.py plain FILE               the same of the text format, by a reader of its own
metrics.py queries FILE NAMES       each metric that FILE (dashboard, rules) asks for is in NAMES
"""
import json
import re
import sys


def check(samples):
    """samples: (name, labels, value), labels a tuple of pairs. Returns sums by name."""
    seen, sums, roots = set(), {}, 0
    for name, labels, value in samples:
        key = (name, tuple(sorted((k, v) for k, v in labels if v)))  # an empty label is none
        assert key not in seen, key
        seen.add(key)
        sums[name] = sums.get(name, 0) + value
        if name == "weir_total_allocated_bytes" and "/" not in dict(labels)["path"]:
            roots += value
    assert len(seen) > 20, len(seen)
    assert sums["weir_own_bytes"] == roots, (sums["weir_own_bytes"], roots)
    if "weir_tag_bytes" in sums:
        assert sums["weir_tag_bytes"] == roots, (sums["weir_tag_bytes"], roots)


def strict(path):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    with open(path, encoding="utf-8", newline="\n") as f:
        families = list(text_string_to_metric_families(f.read()))
    for family in families:
        assert family.documentation.endswith("."), family.name
    check((s.name, tuple(s.labels.items()), s.value) for f in families for s in f.samples)


SAMPLE = re.compile(r'(weir_[a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\d+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')


def plain(path):
    """The grammar of the text format, written down once more."""
    with open(path, encoding="utf-8", newline="\n") as f:
        lines = f.read().split("\n")
    assert lines.pop() == ""
    typed, samples = {}, []
    for line in lines:
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name not in typed, name
            typed[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            assert name in typed and (typed[name] == "counter") == name.endswith("_total"), line
            samples.append((name, tuple(LABEL.findall(labels or "")), int(value)))
    check(samples)


def queries(path, names):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(names, encoding="utf-8") as f:
        there = set(re.findall(r"^(weir_[a-z_]+)", f.read(), re.M))
    if path.endswith(".json"):
        dashboard = json.loads(text)
        expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
        expressions += [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
    else:
        expressions = re.findall(r"^ +expr: *(.+(?:\n {10}.+)*)", text, re.M)
    assert len(expressions) >= 8, expressions
    for expression in expressions:
        # a recorded one has colons
        asked = re.findall(r"(?<![:\w])(weir_[a-z_]+)(?![:\w])", expression)
        missing = set(asked) - there
        assert asked or "weir:" in expression, expression
        assert not missing, (expression, missing)


{"strict": strict, "plain": plain, "queries": queries}[sys.argv[1]](*sys.argv[2:])
