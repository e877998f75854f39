// The search shows what users read first: the guide, then the reference of their objects, then the gallery; and last
// what developers read.
const FIRST = ["index", "install", "guide/tabular", "guide/estimators", "guide/coming_from", "guide/which_loss",
  "guide/which_optimizer"];
var Scorer = {
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    if (docname.startsWith("project/")) return score - 1000;
    if (FIRST.includes(docname)) return score + 25;
    if (docname.startsWith("guide/")) return score + 20;
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
