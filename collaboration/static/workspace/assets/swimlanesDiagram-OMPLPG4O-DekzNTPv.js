import{r as e,t}from"./chunk-QB3YPZ4I-CE0-MR_R.js";import"./chunk-TU62E6Q5-BHuppJNs.js";import"./mermaid.core-DNC9XZEi.js";import"./chunk-HFQBQIA3-Cb6-K3yw.js";import"./chunk-M57EVK23-ARSVTCMj.js";import"./chunk-DQASFODM-CawkctxM.js";import"./chunk-LEVMRMFU-DVRkyzhi.js";import"./chunk-AXFCVDMN-B4f468eM.js";import"./chunk-X4PVCEUW-HRPBS5qD.js";import"./chunk-STOXU5M4-NsgomUas.js";import"./chunk-R3KSYZAL-CO_YYjY9.js";import"./chunk-6MUBBAK2-Co31eX9C.js";import"./chunk-BG4553SI-51jmeOJa.js";import"./d3-selection-COWvaQNI.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};