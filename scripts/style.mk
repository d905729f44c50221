.PHONY: style-check
style-check:
