"""What an operator sees of a node: metrics, traces, log lines. Knows nothing of the rooms of the house."""
