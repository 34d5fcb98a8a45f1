"""Public conformance suites and fakes for those who write adapters."""
