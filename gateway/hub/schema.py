"""Tables of the hub's ledger, and the version they are at."""

from gateway.database import Upgrade
from gateway.hub.resheeting import resheet

VERSION = 6
_MAGNITUDES = """
CREATE TABLE magnitudes (
  record TEXT NOT NULL REFERENCES records (id), position INTEGER NOT NULL,
  member TEXT NOT NULL, owner TEXT NOT NULL, kind TEXT NOT NULL, direction TEXT NOT NULL,
  unit TEXT NOT NULL, code TEXT, place TEXT NOT NULL, magnitude TEXT NOT NULL,
  start INTEGER NOT NULL, superseded INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (record, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX magnitudes_by_start ON magnitudes (start) WHERE superseded = 0;
"""
_FEDERATION = """
CREATE TABLE remainders (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, start INTEGER NOT NULL,
  "end" INTEGER NOT NULL, figures TEXT NOT NULL, settled INTEGER, refused TEXT
) STRICT;
CREATE INDEX remainders_waiting ON remainders (number) WHERE settled IS NULL;
CREATE INDEX remainders_by_kind ON remainders (kind, "end");
CREATE TABLE peers (
  hub TEXT PRIMARY KEY, cluster TEXT NOT NULL, rules TEXT NOT NULL, told INTEGER NOT NULL,
  told_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
SHEETS = """
CREATE TABLE sheets (
  record TEXT NOT NULL REFERENCES records (id), position INTEGER NOT NULL,
  member TEXT NOT NULL, owner TEXT NOT NULL, waives INTEGER NOT NULL, place TEXT NOT NULL,
  kind TEXT NOT NULL, direction TEXT NOT NULL, unit TEXT NOT NULL,
  start INTEGER NOT NULL, "end" INTEGER NOT NULL, count INTEGER NOT NULL,
  counted INTEGER, superseded INTEGER NOT NULL DEFAULT 0, figures TEXT NOT NULL,
  PRIMARY KEY (record, position)
) STRICT;
CREATE INDEX sheets_open ON sheets (kind, start, record, position)
WHERE counted IS NULL AND superseded = 0;
CREATE INDEX sheets_by_group ON sheets (kind, direction, unit, start, member);
CREATE VIEW figures AS
SELECT sheets.record, json_extract(one.value, '$[0]') AS position,
  member, owner, waives, kind, direction, unit,
  json_extract(one.value, '$[1]') AS code, place, json_extract(one.value, '$[2]') AS band,
  json_extract(one.value, '$[3]') AS quantity, json_extract(one.value, '$[4]') AS coverage,
  json_extract(one.value, '$[5]') AS marks, start, "end", counted, superseded
FROM sheets, json_each(sheets.figures) AS one;
"""
"""`counted` is the start of the window that a sheet's figures (`count` of them) were decided in.

The view gives a row a figure to whoever looks into a ledger. SQLite reads numbers of up to 15
digits exactly, longer ones to within their last bit; the hub itself does not read them there.
"""
TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE records (
  id TEXT PRIMARY KEY, digest TEXT NOT NULL, plant TEXT NOT NULL, member TEXT NOT NULL,
  owner TEXT NOT NULL, pseudonym TEXT NOT NULL, sequence INTEGER NOT NULL,
  revision INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  content BLOB NOT NULL, received INTEGER NOT NULL
) STRICT;
CREATE INDEX records_by_window ON records (plant, start, "end");
CREATE TABLE senders (
  plant TEXT NOT NULL, run INTEGER NOT NULL, member TEXT NOT NULL, pseudonym TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, records INTEGER NOT NULL,
  received INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (plant, run)
) STRICT, WITHOUT ROWID;
CREATE TABLE pseudonyms (pseudonym TEXT PRIMARY KEY, member TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine (
  number INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, detail TEXT NOT NULL,
  member TEXT, record TEXT, topic TEXT NOT NULL, payload BLOB NOT NULL, size INTEGER NOT NULL,
  received INTEGER NOT NULL
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE calendars (kind TEXT PRIMARY KEY, decided_to INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE partitions (
  period TEXT NOT NULL, kind TEXT NOT NULL, direction TEXT NOT NULL, unit TEXT NOT NULL,
  content TEXT NOT NULL, chosen INTEGER NOT NULL, PRIMARY KEY (period, kind, direction, unit)
) STRICT, WITHOUT ROWID;
CREATE TABLE cells (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  kind TEXT NOT NULL, direction TEXT NOT NULL, unit TEXT NOT NULL,
  code TEXT, place TEXT NOT NULL, band TEXT, status TEXT NOT NULL, listed INTEGER NOT NULL,
  quantity REAL NOT NULL, coverage REAL NOT NULL, owners INTEGER NOT NULL, marks TEXT NOT NULL,
  reason TEXT NOT NULL, parts TEXT NOT NULL, decided INTEGER NOT NULL,
  written INTEGER, published INTEGER, told REAL, noise REAL, magnitude TEXT
) STRICT;
CREATE UNIQUE INDEX cells_once ON cells (name, start) WHERE listed = 1;
CREATE INDEX cells_by_window ON cells (start);
CREATE INDEX cells_unwritten ON cells (number) WHERE status = 'released' AND written IS NULL;
CREATE INDEX cells_written ON cells (written) WHERE status = 'released' AND written IS NOT NULL;
CREATE INDEX cells_unpublished ON cells (number) WHERE listed = 1 AND published IS NULL;
{SHEETS}{_MAGNITUDES}{_FEDERATION}"""
"""A listed cell exists once."""
UPGRADES: dict[int, str | Upgrade] = {
    1: """
CREATE TABLE runs (
  plant TEXT NOT NULL, run INTEGER NOT NULL, member TEXT NOT NULL, pseudonym TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, records INTEGER NOT NULL,
  received INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (plant, run)
) STRICT, WITHOUT ROWID;
INSERT INTO runs SELECT plant, 0, member, pseudonym, first, last, records, received, "end"
FROM senders;
DROP TABLE senders;
ALTER TABLE runs RENAME TO senders;
""",
    2: """
CREATE INDEX IF NOT EXISTS cells_written ON cells (written)
WHERE status = 'released' AND written IS NOT NULL;
INSERT INTO meta SELECT 'settled_to', written FROM cells WHERE written IS NOT NULL
ORDER BY written DESC LIMIT 1;
""",
    3: """
ALTER TABLE cells ADD COLUMN told REAL;
ALTER TABLE cells ADD COLUMN noise REAL;
ALTER TABLE cells ADD COLUMN magnitude TEXT;
"""
    + _MAGNITUDES,
    4: _FEDERATION,
    5: lambda cursor, told: resheet(cursor, SHEETS, told),
}
"""A sender has a row for each run, the count its sequence is in; run 0 has no number.

`settled_to` is up to when cells that the store has confirmed were read back from it.
"""
