"""Readers of a user's data: images, class labels, statistics of features, arrays in a pickle.

They import nothing else of the project but `benchbox.files` and `benchbox.errors`. Any fault of a file is a UsageError
of one sentence. No file is unpickled.
"""
