"""The queue_log on disk: the live file, its rotated family, decompression.

Nothing here writes, and nothing here knows what becomes of the bytes.
"""
