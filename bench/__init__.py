"""The measurements of the project: every figure beside something measured in the same run."""
