"""The Team Dashboard: how to log in there, send it a queue_log, and clear it.

Here lives what travels over the network and how; what an answer means lives in
`core.outcome`. `client` has the door, `TeamDashboard`; it imports httpx, which
takes a tenth of a second, so this file imports nothing.
"""
