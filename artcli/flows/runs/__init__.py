"""What is done with runs, a flow a module: begin, record, seal, finish; wrap a command; show, compare, reproduce."""
