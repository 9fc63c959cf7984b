"""Where versions came from and what became of them: graphs, answers, scripts that do it again."""
