namespace Berth.Runtime.Seccomp;

/// <summary>
/// The decision for every call number of one audit architecture: a partition of the 32-bit numbers into ranges, each with one
/// action or one chain of argument comparisons, emitted as a balanced tree.
/// </summary>
internal sealed class CallPlan(SeccompRules rules)
{
    private const int RuleBits = 24;
    private const int ViaBits = 8;

    private readonly record struct Range(uint First, uint Action, int ChainStart, int ChainLength, bool Narrow);

    private readonly List<Range> _ranges = [];
    private readonly List<ulong> _chain = [];
    private int[] _byRank = [];

    /// <summary>Adds a range that ends where the next begins; ranges come in ascending order.</summary>
    public void AddConstant(uint first, uint action)
    {
        if (_ranges.Count > 0 && _ranges[^1] is { ChainLength: 0 } last && last.Action == action)
            return;
        _ranges.Add(new Range(first, action, 0, 0, Narrow: false));
    }

    /// <summary>Adds all calls of a numbering.</summary>
    public void Add(SyscallAbi abi)
    {
        uint origin = abi == SyscallAbi.X32 ? SyscallAbis.X32Bit : 0;
        List<ulong> entries = Resolve(abi, out int newest);
        uint next = origin;
        for (int i = 0; i < entries.Count;)
        {
            uint number = origin | Number(entries[i]);
            int end = i + 1;
            while (end < entries.Count && (origin | Number(entries[end])) == number)
                end++;
            if (number > next)
                AddConstant(next, rules.Default);
            AddCall(number, entries, i, end, abi.Is32Bit());
            next = number + 1;
            i = end;
        }

        if (newest < 0)
        {
            AddConstant(next, rules.Default);
            return;
        }

        uint firstNewer = origin + (uint)newest + 1;
        if (next < firstNewer)
            AddConstant(next, rules.Default);
        AddConstant(firstNewer, rules.Newer);
    }

    /// <summary>Writes the search; it expects the call's number to be loaded.</summary>
    public int Emit(BpfAssembler code) => EmitTree(code, 0, _ranges.Count - 1);

    // Entries sort by number, then severity of action, then order in the profile: number, rule's rank, and the number that
    // the first argument must have when the call is made through a multiplexer.
    private List<ulong> Resolve(SyscallAbi abi, out int newest)
    {
        newest = -1;
        int[] ranks = Ranks();
        var entries = new List<ulong>(rules.Calls.Count + 32);
        foreach (RuledCall call in rules.Calls)
        {
            int number = SyscallTable.Number(call.Row, abi);
            newest = Math.Max(newest, number);
            if (number >= 0 && call.Rule >= 0)
                entries.Add(Entry(number, ranks[call.Rule], 0));
            if (abi != SyscallAbi.I386 || Multiplexer.Find(call.Row) is not { } through)
                continue;
            newest = Math.Max(newest, through.Number);
            if (call.Rule >= 0)
                entries.Add(Entry(through.Number, ranks[call.Rule], through.Selector));
        }

        entries.Sort();
        return entries;
    }

    private int[] Ranks()
    {
        if (rules.Rules.Count >= 1 << RuleBits)
            throw SeccompAction.Invalid($"{rules.Rules.Count} rules; at most {(1 << RuleBits) - 1} are possible");
        var keys = new long[rules.Rules.Count];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = ((long)SeccompAction.Severity(rules.Rules[i].Action) << 32) | (uint)i;
        Array.Sort(keys);
        _byRank = Array.ConvertAll(keys, key => (int)(uint)key);
        var ranks = new int[keys.Length];
        for (int i = 0; i < ranks.Length; i++)
            ranks[_byRank[i]] = i;
        return ranks;
    }

    private static ulong Entry(int number, int rank, int selector) =>
        ((ulong)(uint)number << 32) | ((ulong)(uint)rank << ViaBits) | (uint)selector;

    private static uint Number(ulong entry) => (uint)(entry >> 32);

    private static int Selector(ulong entry) => (int)(entry & ((1 << ViaBits) - 1));

    private ParsedRule Rule(ulong entry) => rules.Rules[_byRank[(int)(entry >> ViaBits) & ((1 << RuleBits) - 1)]];

    private void AddCall(uint number, List<ulong> entries, int start, int end, bool narrow)
    {
        int always = -1;
        for (int i = start; i < end && always < 0; i++)
            always = Selector(entries[i]) == 0 && Rule(entries[i]).Tests.Length == 0 ? i : -1;
        uint otherwise = always < 0 ? rules.Default : Rule(entries[always]).Action;
        int chainStart = _chain.Count;
        for (int i = start; i < (always < 0 ? end : always); i++)
        {
            if (always < 0 || Selector(entries[i]) == 0)
                _chain.Add(entries[i]);
        }

        while (_chain.Count > chainStart && Rule(_chain[^1]).Action == otherwise)
            _chain.RemoveAt(_chain.Count - 1);
        if (_chain.Count == chainStart)
            AddConstant(number, otherwise);
        else
            _ranges.Add(new Range(number, otherwise, chainStart, _chain.Count - chainStart, narrow));
    }

    private int EmitTree(BpfAssembler code, int low, int high)
    {
        if (low == high)
            return EmitRange(code, _ranges[low]);
        int middle = (low + high + 1) / 2;
        int above = EmitTree(code, middle, high);
        int below = EmitTree(code, low, middle - 1);
        return code.IfGreaterOrEqual(_ranges[middle].First, above, below);
    }

    private int EmitRange(BpfAssembler code, Range range)
    {
        int start = code.Ret(range.Action);
        for (int i = range.ChainLength - 1; i >= 0; i--)
        {
            ulong entry = _chain[range.ChainStart + i];
            ParsedRule rule = Rule(entry);
            int selector = Selector(entry);
            int fail = start;
            start = code.Ret(rule.Action);
            for (int t = rule.Tests.Length - 1; t >= 0; t--)
            {
                // Through a multiplexer the first argument is its selector; it says nothing of the call's own first argument.
                if (selector == 0 || rule.Tests[t].Index != 0)
                    start = rule.Tests[t].Emit(code, range.Narrow, start, fail);
            }

            if (selector != 0)
                start = new ArgumentTest(0, ArgumentOperator.Equal, (ulong)selector, ulong.MaxValue).Emit(code, range.Narrow, start, fail);
        }

        return start;
    }
}
