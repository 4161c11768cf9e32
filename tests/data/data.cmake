foreach(unit jsonl dialogue example dataset order format calls lint plain)
  drover_test(data/${unit} NEEDS data PkgConfig::zlib)
endforeach()
