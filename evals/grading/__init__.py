"""From an answer to a grading: tasks, answers, programs and their runs, and what the checks ask of them."""
