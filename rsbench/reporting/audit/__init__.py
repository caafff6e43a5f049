"""What the text of the CtxMIM paper claims of its own tables, recomputed from the printed numbers.

>>> findings = audit()
>>> findings[0].arithmetic, findings[0].finding
('98.87 - 93.38 = 5.49', 'holds')
"""

from rsbench.reporting.audit.claims import Claim, claims
from rsbench.reporting.audit.findings import Finding, audit

__all__ = ["Claim", "Finding", "audit", "claims"]
