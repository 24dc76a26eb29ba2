"""The vendor's file of new users: semicolons, a header row, one user per row.

`text` makes characters of its bytes, `table` rows of the characters, `columns`
values of a row's cells, `configuration` the softphone's configuration of the SIP
columns. Whether these values make a user is for the dashboard's model to say.

The source of the columns is the vendor's page, "Adding multiple users". What is
told about a file never repeats a cell: in a row that is shifted by one, any cell
may be the password.
"""
