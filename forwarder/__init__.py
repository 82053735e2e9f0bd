"""The forwarder: accepts Segment's tracking API, spools every event, delivers it to Amplitude."""
