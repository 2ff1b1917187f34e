"""The networks, one file a family; `registry` lists them."""
