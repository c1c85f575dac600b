"""Running a model: weights and inputs from files, the plan, the session."""
