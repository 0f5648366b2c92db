"""Questions that wait for a person: lists, answers, drafts and claims."""
