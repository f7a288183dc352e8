"""Before a claim goes out: rules, chances, edits, and the scrub that applies them. Changes no file that it was given."""
