"""Exports of annotation tools, written by their own code, for tests/prefs/test_import.c: tests/golden/tools/. The two want
environments of their own. usage: annotation_tools.py label_studio (label-studio-sdk 2) | argilla (argilla 1.29, datasets 2.19, pyarrow 17)"""
import json
import os
import sys
import tempfile

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools")


def label_studio():
    from label_studio_sdk.converter import Converter

    config = """<View><Text name="prompt" value="$prompt"/><Pairwise name="better" toName="answer1,answer2"/>
      <Text name="answer1" value="$answer1"/><Text name="answer2" value="$answer2"/>
      <Choices name="which" toName="prompt" choice="single"><Choice value="answer1"/><Choice value="answer2"/><Choice value="tie"/></Choices>
      <TextArea name="why" toName="prompt"/></View>"""

    def pairwise(word):
        return {"id": "a", "from_name": "better", "to_name": ["answer1", "answer2"], "type": "pairwise", "value": {"selected": word}}

    def choice(word):
        return {"id": "b", "from_name": "which", "to_name": "prompt", "type": "choices", "value": {"choices": [word]}}

    def remark(text):
        return {"id": "c", "from_name": "why", "to_name": "prompt", "type": "textarea", "value": {"text": [text]}}

    def annotation(number, by, *result):
        return {"id": number, "completed_by": by, "result": list(result), "was_cancelled": False, "ground_truth": False,
                "created_at": "2021-03-09T22:16:08.728353Z", "updated_at": "2021-03-09T22:16:09Z", "lead_time": 4.288}

    three, four = {"id": 3, "email": "someone@example.org", "first_name": "", "last_name": ""}, 4
    tasks = [{"id": 7, "data": {"prompt": "Best?", "answer1": "one", "answer2": "two"}, "predictions": [],
              "annotations": [annotation(1, three, remark("It is."), pairwise("right")), annotation(2, four, pairwise("left"))]},
             {"id": 8, "data": {"prompt": "Which?", "answer1": "yes", "answer2": "no"}, "predictions": [],
              "annotations": [annotation(3, three, choice("tie")), annotation(4, four, choice("answer2"))]}]
    with tempfile.TemporaryDirectory() as folder:
        given, made = os.path.join(folder, "tasks.json"), os.path.join(folder, "out")
        with open(given, "w") as file:
            json.dump(tasks, file)
        for form, name in (("JSON", "label_studio.json"), ("JSON_MIN", "label_studio_min.json"), ("CSV", "label_studio_min.csv")):
            Converter(config, None).convert(given, os.path.join(made, form), form, is_dir=False)
            source = os.path.join(made, form, "result" + os.path.splitext(name)[1])
            os.replace(source, os.path.join(OUT, name))


def argilla():
    import uuid

    import argilla as rg

    answers = ["response_1", "response_2"]
    data = rg.FeedbackDataset(fields=[rg.TextField(name=name) for name in ["instruction", *answers]],
                              questions=[rg.LabelQuestion(name="better", labels=[*answers, "tie"]), rg.RankingQuestion(name="order", values=answers, required=False),
                                         rg.TextQuestion(name="why", required=False)])

    def response(user, status="submitted", **values):
        return {"user_id": str(uuid.UUID(int=user)), "values": {name: {"value": value} for name, value in values.items()}, "status": status}

    def order(first, second):
        return [{"value": "response_1", "rank": first}, {"value": "response_2", "rank": second}]

    def record(prompt, *responses, **more):
        return rg.FeedbackRecord(fields=dict(zip(["instruction", *answers], (prompt, "one", "two"))), responses=list(responses), **more)

    data.add_records([
        record("Best?", response(1, better="response_2", order=order(2, 1)), response(2, better="tie", why="same"), response(3, "draft", better="response_1"),
               external_id="e1", metadata={"source": "test"}, suggestions=[{"question_name": "better", "value": "response_1"}]),
        record("Second?", response(1, better="response_1", order=order(1, 1))), record("Third?"), record("Fourth?", response(1, "discarded"))])
    rows = data.format_as("datasets")
    rows.to_json(os.path.join(OUT, "argilla_1_rows.jsonl"))
    rows.to_parquet(os.path.join(OUT, "argilla_1_rows.parquet"))
    with open(os.path.join(OUT, "argilla_1_records.jsonl"), "w") as file:
        file.writelines(one.json() + "\n" for one in data.records)


os.makedirs(OUT, exist_ok=True)
{"label_studio": label_studio, "argilla": argilla}[sys.argv[1]]()
