using System.Buffers.Binary;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Cgroups.V1;

namespace Berth.Runtime.Tests.Cgroups;

public sealed class DeviceTests
{
    private static readonly DeviceRuleSpec DenyAll = new() { Allow = false, Access = "rwm" };

    [Fact]
    public void RulesOfBothVersionsSayTheSame()
    {
        DeviceRuleSpec[] rules =
        [
            DenyAll, Rule(true, "c", 10, 200, "r"), Rule(true, "c", 10, 200, "w"), Rule(true, "b", 8, null, "rwm"), Rule(false, "b", 8, null, "w"),
            Rule(true, "a", 77, 1, "rw"), Rule(true, "c", 5, 9, "rwm"), Rule(false, "c", 5, 9, null),
        ];
        byte[] program = Berth.Runtime.Cgroups.V2.DeviceRules.Compile([.. rules, .. DefaultDevices.Rules]);
        DeviceList list = DeviceRules.Wanted(rules);
        Assert.False(list.AllowsByDefault);
        foreach (char type in "bc")
        {
            foreach (int major in (int[])[1, 5, 8, 10, 77, 136, 300])
            {
                foreach (int minor in (int[])[0, 1, 3, 9, 200])
                {
                    for (int access = 1; access <= 7; access++)
                        Assert.Equal(Holds(list, new DeviceRange(type, major, minor), access), Runs(program, type, major, minor, access));
                }
            }
        }
    }

    [Fact]
    public void LaterRulesCountInV2AlsoForPartsOfEarlierOnes()
    {
        DeviceRuleSpec[] rules = [DenyAll, Rule(true, "c", null, null, "rwm"), Rule(false, "c", 10, 200, "w")];
        byte[] program = Berth.Runtime.Cgroups.V2.DeviceRules.Compile(rules);
        Assert.True(Runs(program, 'c', 10, 200, 2));
        Assert.False(Runs(program, 'c', 10, 200, 4));
        Assert.False(Runs(program, 'c', 10, 200, 6));
        Assert.True(Runs(program, 'c', 10, 201, 7));
        Assert.Contains("\"deny c 10:200 w\" takes a part out of \"c *:* rwm\"", Assert.Throws<NotSupportedException>(() => DeviceRules.Wanted(rules)).Message);
    }

    [Fact]
    public void ARuleForAllDevicesOfOneNumberIsNotOneForAll()
    {
        // The kernel takes "a 77:1 rw" for "a": everything.
        DeviceList list = DeviceRules.Wanted([DenyAll, Rule(true, "a", 77, 1, "rw")]);
        Assert.False(list.AllowsByDefault);
        Assert.Equal(6, list.Exceptions[new DeviceRange('b', 77, 1)]);
        Assert.Equal(6, list.Exceptions[new DeviceRange('c', 77, 1)]);
    }

    [Fact]
    public void AllowingByDefaultHoldsRefusals()
    {
        DeviceList list = DeviceRules.Wanted([new DeviceRuleSpec { Allow = true }, Rule(false, "b", 8, null, "w")]);
        Assert.False(list.AllowsByDefault && list.Exceptions.Count == 0);
        Assert.Equal(4, list.Exceptions[new DeviceRange('b', 8, null)]);
    }

    [Theory]
    [InlineData("x", 1L, "r", "type \"x\"")]
    [InlineData("c", 1L, "rq", "access \"rq\"")]
    [InlineData("c", 1L << 40, "r", "is no device number")]
    public void WrongRulesAreNamed(string type, long major, string access, string message)
    {
        string text = Assert.Throws<ArgumentException>(() => DefaultDevices.Check([DenyAll, Rule(true, type, major, 1, access)])).Message;
        Assert.Contains("devices[1]", text);
        Assert.Contains(message, text);
    }

    private static DeviceRuleSpec Rule(bool allow, string type, long? major, long? minor, string? access) =>
        new() { Allow = allow, Type = type, Major = major, Minor = minor, Access = access };

    // As the kernel: one exception has to cover all that is asked.
    private static bool Holds(DeviceList list, DeviceRange device, int access) =>
        list.Exceptions.Aggregate(0, (covered, e) => e.Key.Contains(device) ? covered | e.Value : covered) is var held && (held & access) == access;

    // The few eBPF instructions that the compiler uses.
    private static bool Runs(byte[] program, char type, int major, int minor, int access)
    {
        uint[] context = [(uint)((access << 16) | (type == 'b' ? 1 : 2)), (uint)major, (uint)minor];
        ulong[] registers = new ulong[11];
        for (int at = 0; ; at++)
        {
            ulong instruction = BinaryPrimitives.ReadUInt64LittleEndian(program.AsSpan(at * 8));
            int destination = (int)(instruction >> 8) & 15, source = (int)(instruction >> 12) & 15, immediate = (int)(instruction >> 32);
            short offset = (short)(instruction >> 16);
            switch ((byte)instruction)
            {
                case 0x61: registers[destination] = context[offset / 4]; break;
                case 0x54: registers[destination] = (uint)registers[destination] & (uint)immediate; break;
                case 0x74: registers[destination] = (uint)registers[destination] >> immediate; break;
                case 0xBC: registers[destination] = (uint)registers[source]; break;
                case 0xB7: registers[destination] = (ulong)immediate; break;
                case 0x56: at += (uint)registers[destination] != (uint)immediate ? offset : 0; break;
                case 0x16: at += (uint)registers[destination] == (uint)immediate ? offset : 0; break;
                case 0x95: return registers[0] == 1;
                default: throw new InvalidDataException($"instruction {(byte)instruction:x2}");
            }
        }
    }
}
