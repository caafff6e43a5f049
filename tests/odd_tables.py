"""Tables of predictions that are changed as a stranger may change them."""

import pyarrow as pa

PARQUET = "predictions.parquet"


def replaced(table, name, values):
    """The table with other values in a column."""
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return table.set_column(table.column_names.index(name), name, column)


def dictionaries(table, name):
    """The column as pandas writes a categorical one, with an entry that no row has."""
    own = table[name].combine_chunks().dictionary_encode()
    spare = pa.array(["not used", *own.dictionary.to_pylist()])
    indices = pa.array([index + 1 for index in own.indices.to_pylist()], pa.int32())
    return replaced(table, name, pa.DictionaryArray.from_arrays(indices, spare))


def footnotes(table, run):
    """The footnotes of a table of the paper that name a run."""
    return [note.text for note in table.footnotes if run in note.text]
