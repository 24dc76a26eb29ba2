"""What goes into an upload, and what becomes of it: batches, ledger, refusals, resync."""
