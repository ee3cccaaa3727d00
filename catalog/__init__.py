"""What is on offer: descriptions of datasets, validated, listed, searched, and written as DSP JSON and as RDF. Pure."""
