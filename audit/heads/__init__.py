"""Keeps the end of the audit log outside the database, where nobody with the database's password can change it.

After each transaction that wrote entries, and before its caller gets an answer, the sequence and hash of the last entry
are appended to a file of this host and synced. Everything before that entry is covered by its hash. If the database has
a shorter log, or another entry there, then entries were removed or an older log was put back.
"""
