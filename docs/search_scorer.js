// The search shows the guide first, then the reference and the gallery, and last what developers read.
var Scorer = {
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    if (docname.startsWith("project/")) return score - 1000;
    if (docname.startsWith("guide/") || docname === "install") return score + 20;
    if (docname.startsWith("api/mbgd_rs.reference")) return score - 20;
    return score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
