"""From totals to records: the policy as named steps, and what becomes of streams taken back."""
