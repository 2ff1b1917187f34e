"""The networks, one file for each family; `registry` lists them."""
