"""The lab: real nodes on one machine, in namespaces, for tests and for trying the product by hand."""
