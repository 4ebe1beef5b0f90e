import{r as e,t}from"./chunk-QB3YPZ4I-kwbPDHv-.js";import"./chunk-TU62E6Q5-BwgqnKnT.js";import"./mermaid.core-DAnLGVeY.js";import"./chunk-HFQBQIA3-BXBFXHdJ.js";import"./chunk-M57EVK23-MyvUJjTf.js";import"./chunk-DQASFODM-C_401TH6.js";import"./chunk-LEVMRMFU-CnlwawZq.js";import"./chunk-AXFCVDMN-B0Oq8EIm.js";import"./chunk-X4PVCEUW-Cp6gGrdl.js";import"./chunk-STOXU5M4-B-7yKDfy.js";import"./chunk-R3KSYZAL-iInSHCYI.js";import"./chunk-6MUBBAK2-_btMTXSQ.js";import"./chunk-BG4553SI-eojXMwVD.js";import"./d3-selection-COWvaQNI.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};