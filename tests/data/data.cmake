foreach(unit card slice jsonl dialogue example dataset order format shapes calls lint plain rows columns)
  drover_test(data/${unit} NEEDS data PkgConfig::zlib)
endforeach()
target_compile_definitions(test_data_columns PRIVATE GOLDEN="${PROJECT_SOURCE_DIR}/tests/golden")
drover_fuzz(columns NEEDS data SEEDS golden/columns/snappy_dictionary.parquet golden/columns/zstd_v2.parquet
  golden/columns/numbers_gzip.parquet golden/columns/lz4.parquet golden/columns/delta.parquet golden/columns/streams.parquet
  golden/columns/stream.arrow golden/columns/file_lz4.arrow golden/columns/zstd.arrow golden/columns/dictionary.arrow golden/columns/views.arrow
  golden/columns/file_views_zstd.arrow golden/columns/dictionary_grows.arrow golden/columns/dictionary_changes.arrow)

drover_fuzz(rows SEEDS fuzz/seeds/rows NEEDS data)

# Every encoding, codec and type that pyarrow writes, with and without nulls, as pyarrow reads them: a minute, by hand.
#     cmake --preset release -DDROVER_PYARROW=.venv/bin/python && cmake --build --preset release --target columns_matrix
set(DROVER_PYARROW python3 CACHE STRING "a Python that has pyarrow, for the target columns_matrix")
add_custom_target(columns_matrix USES_TERMINAL
  COMMAND ${DROVER_PYARROW} ${PROJECT_SOURCE_DIR}/tests/golden/columns.py ${PROJECT_BINARY_DIR}/columns matrix
  COMMAND ${CMAKE_COMMAND} -E env DROVER_COLUMNS=${PROJECT_BINARY_DIR}/columns $<TARGET_FILE:test_data_columns>)
