"""What came of it: workspaces, benchmarks, gates and reports."""
