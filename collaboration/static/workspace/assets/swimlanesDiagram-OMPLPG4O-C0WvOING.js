import{r as e,t}from"./chunk-QB3YPZ4I-D5weO5Vu.js";import"./chunk-TU62E6Q5-Do9aXBYy.js";import"./mermaid.core-kKR7e1Ul.js";import"./chunk-HFQBQIA3-zAOYeLcv.js";import"./chunk-M57EVK23-D3NkNQv4.js";import"./chunk-DQASFODM-DfzdE8-2.js";import"./chunk-LEVMRMFU-C688wJL2.js";import"./chunk-AXFCVDMN-CTo3Y_IW.js";import"./chunk-X4PVCEUW-B4CZTU91.js";import"./chunk-STOXU5M4-CKrFmK6y.js";import"./chunk-R3KSYZAL-DXwM9YiK.js";import"./chunk-6MUBBAK2-BfhavJAn.js";import"./chunk-BG4553SI-CoicIaQW.js";import"./d3-selection-CVhd_n_D.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};