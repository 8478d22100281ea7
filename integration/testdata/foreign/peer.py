"""Exchanges Avro data through a folder: reads what is in cases.json and the container files that
it names with fastavro, writes all of it again, and says so in answers.json."""
import io
import json
import os
import sys

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

CODECS = ["null", "deflate", "snappy", "zstandard"]
# Without names a record of a union would be written as the first branch that it fits.
NAMED = {"return_record_name": True, "return_named_type": True}


def read(schema, data, reader=None):
    stream = io.BytesIO(data)
    value = fastavro.schemaless_reader(stream, schema, reader, **NAMED)
    if stream.read():
        raise ValueError("bytes are left after " + data.hex())
    return value


def write(schema, value):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    return stream.getvalue()


def header(schema):
    """What begins a single-object encoding; the fingerprint comes as the hex of its bytes there."""
    text = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(text)


def resolve(schema, data, reader):
    """Reads with another schema. fastavro leaves the default of bytes as the text that the schema has."""
    value = read(schema, data, reader)
    for name, part in value.items():
        field = next(f for f in reader["fields"] if f["name"] == name)
        if isinstance(part, str) and (field["type"] == "bytes" or isinstance(field["type"], dict) and field["type"]["type"] == "fixed"):
            value[name] = part.encode("iso-8859-1")
    return value


def read_file(path):
    with open(path, "rb") as file:
        records = fastavro.reader(file, **NAMED)
        return [write(records.writer_schema, value).hex() for value in records]


def write_file(path, schema, codec, values):
    with open(path, "wb") as file:
        # Small blocks, so that there is more than one.
        fastavro.writer(file, schema, values, codec=codec, sync_interval=200)
    return path


def strip(message, start):
    if not message.startswith(start):
        raise ValueError(f"{message.hex()} does not start with {start.hex()}")
    return message[len(start):]


def answer(case, folder):
    schema = parse_schema(case["schema"])
    start = header(case["schema"])
    values = [read(schema, bytes.fromhex(data)) for data in case["data"]]
    found = {
        "name": case["name"],
        "data": [write(schema, value).hex() for value in values],
        "single": [(start + write(schema, read(schema, strip(bytes.fromhex(message), start)))).hex() for message in case["single"]],
        "read": {codec: read_file(path) for codec, path in case["files"].items()},
        "wrote": {
            codec: write_file(os.path.join(folder, f"{case['name']}.wrote.{codec}.avro"), schema, codec, values) for codec in CODECS
        },
    }
    if "reader" in case:
        reader = parse_schema(case["reader"])
        found["resolved"] = [write(reader, resolve(schema, bytes.fromhex(data), reader)).hex() for data in case["data"]]
    return found


def main(folder):
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    answers = []
    for case in cases:
        try:
            answers.append(answer(case, folder))
        except Exception as fault:
            raise RuntimeError("case " + case["name"]) from fault
    with open(os.path.join(folder, "answers.json"), "w", encoding="utf-8") as file:
        json.dump(answers, file)


main(sys.argv[1])
