/** Frequent words of four letters and more that say nothing about a text's subject; shorter ones are left out anyway. */
const hollow: Record<string, string> = {
  en: "that this with from have they were been their there which would about when what will more than them then these some into only other could should your also because such very each where does must over after before between being both during here most same while whom whose upon even ever just like many much those through under until every",
  de: "aber alle allen alles also andere anderen auch auf beim bereits bitte dann dass deine denen denn deren dessen diese diesem diesen dieser dieses doch durch eine einem einen einer eines etwas euch falls haben hatte hier ihre ihrem ihren ihrer immer jede jeden jeder kann keine können mehr mich muss nach nicht noch nur oder ohne schon sehr sein seine seinen seiner sich sind soll sondern über unter viel wann weil welche wenn werden wird wurde zwischen",
  fr: "alors ainsi aussi autre avant avec avoir bien cela celle celui cette ceux chaque comme dans depuis donc elle elles encore entre était être faire fait leur leurs mais même moins notre nous parce pendant plus pour quand quelque sans sera sont sous sur tous tout toute toutes très vers votre vous déjà",
  es: "ante antes aquí como cada contra cuando desde donde durante ella ellas ellos entre eran eres esta está estas este estos fueron hacer hasta hacia mientras mucho muchos nada otra otros para pero poco porque puede quien según sido siempre sobre solo también tanto tiene todo todos unos",
  ru: "если чтобы когда только была были было быть даже него этого этом этот меня может надо нами него ними очень перед после потому почти себя также такой тоже того тогда хотя через чего этой какой который которые между более кто-то лишь уже",
};

const stop = new Map(Object.entries(hollow).map(([language, words]) => [language, new Set(words.split(" "))]));
const spaceless = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const SEGMENTED = 100_000;

/** The words of a text, in its own case. Scripts written without spaces are cut by the ICU dictionary, of their first 100,000 letters. */
export function wordsOf(text: string): string[] {
  if (!spaceless.test(text.slice(0, SEGMENTED))) return text.match(/[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
  const segmenter = new Intl.Segmenter("und", { granularity: "word" });
  return [...segmenter.segment(text.slice(0, SEGMENTED))].filter((part) => part.isWordLike).map((part) => part.segment);
}

/** Up to eight words that occur most, at least twice; earlier ones win ties. */
export function topWords(words: readonly string[], language: string | null, limit = 8): string[] {
  const hollowWords = stop.get(language ?? "");
  const counts = new Map<string, number>();
  for (const word of words) {
    const lower = word.toLowerCase();
    const short = spaceless.test(lower) ? lower.length < 2 : lower.length < 4;
    if (short || /^[\d\W]+$/u.test(lower.replace(/\p{L}/gu, "a")) || hollowWords?.has(lower)) continue;
    counts.set(lower, (counts.get(lower) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > 1)
    .sort((a, b) => b[1] - a[1])
    .slice(0, limit)
    .map(([word]) => word);
}
