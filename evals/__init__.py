"""Does the skill help? Tasks, checks that run an agent's answer, and the harness around them. Never shipped."""
