"""The queue_log on disk: the live file, its rotated family, decompression.

`interface` is what the service asks of a source; `follower` is the one there is.
Nothing here writes a file, and nothing here knows what becomes of the bytes.
"""
