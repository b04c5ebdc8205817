"""E-mail: written in the transaction that causes it, sent by SMTP, or kept for the installation's owner where there is none."""
