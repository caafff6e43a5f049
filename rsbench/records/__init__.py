"""What a run leaves behind: the record, its identity, and the store of runs.

Importing and reading records needs neither torch nor pandas nor pyarrow.
"""

from rsbench.records.identity import canonical_json, run_id
from rsbench.records.record import SCHEMA_VERSION, Record, utc_now
from rsbench.records.store import Store

__all__ = ["SCHEMA_VERSION", "Record", "Store", "canonical_json", "run_id", "utc_now"]
