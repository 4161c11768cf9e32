foreach(unit jsonl dialogue example dataset order)
  drover_test(data/${unit} NEEDS data PkgConfig::zlib)
endforeach()
