"""Projects, sessions and those who take part over REST, through the same services as the sockets."""
