"""The self-hosted real-time server of the Interactive BDUF Orchestrator."""
