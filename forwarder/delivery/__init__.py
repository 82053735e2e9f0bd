"""From the spool to Amplitude: batches, order, retries, outcomes."""
