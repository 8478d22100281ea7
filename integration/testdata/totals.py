"""Reads the demo's files with fastavro and prints what they come to as JSON."""
import json
import sys

import fastavro

enriched = fastavro.reader(open(sys.argv[1] + "/flights-enriched.avro", "rb"))
count = sum(1 for _ in enriched)
table = fastavro.reader(open(sys.argv[1] + "/airport-stats.avro", "rb"))
stats = {
    row["iata"]: {
        "Flights": row["flights"],
        "Delayed": row["delayed"],
        "DelaySum": row["delay_sum"],
        "DelayMax": row["delay_max"],
    }
    for row in table
}
print(json.dumps({"enriched": count, "codecs": [enriched.codec, table.codec], "stats": stats}))
