foreach(unit jsonl dialogue example dataset order format shapes calls lint plain rows columns)
  drover_test(data/${unit} NEEDS data PkgConfig::zlib)
endforeach()
target_compile_definitions(test_data_columns PRIVATE GOLDEN="${PROJECT_SOURCE_DIR}/tests/golden")
drover_fuzz(columns NEEDS data SEEDS golden/columns/snappy_dictionary.parquet golden/columns/zstd_v2.parquet
  golden/columns/numbers_gzip.parquet golden/columns/lz4.parquet golden/columns/delta.parquet golden/columns/streams.parquet
  golden/columns/stream.arrow golden/columns/file_lz4.arrow golden/columns/zstd.arrow golden/columns/dictionary.arrow)
