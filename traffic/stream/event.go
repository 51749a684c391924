package stream

import "picket/traffic/packet"

// The stream events, by Suricata's names (stream-event keyword); they stand among a packet's events.
const (
	Ev3whsAckInWrongDir packet.Event = packet.FirstStreamEvent + iota
	Ev3whsAsyncWrongSeq
	Ev3whsRightSeqWrongAckEvasion
	Ev3whsSynackInWrongDirection
	Ev3whsSynackResendWithDifferentAck
	Ev3whsSynackResendWithDiffSeq
	Ev3whsSynackToserverOnSynRecv
	Ev3whsSynackWithWrongAck
	Ev3whsSynackFlood
	Ev3whsSynackTfoDataIgnored
	Ev3whsSynFlood
	Ev3whsSynResendDiffSeqOnSynRecv
	Ev3whsSynToclientOnSynRecv
	Ev3whsWrongSeqWrongAck
	Ev3whsAckDataInject
	Ev4whsSynackWithWrongAck
	Ev4whsSynackWithWrongSyn
	Ev4whsWrongSeq
	Ev4whsInvalidAck
	EvClosewaitAckOutOfWindow
	EvClosewaitFinOutOfWindow
	EvClosewaitInvalidAck
	EvClosingAckWrongSeq
	EvClosingInvalidAck
	EvEstPacketOutOfWindow
	EvEstSynackResend
	EvEstSynackResendWithDifferentAck
	EvEstSynackResendWithDiffSeq
	EvEstSynackToserver
	EvEstSynResend
	EvEstSynResendDiffSeq
	EvEstSynToclient
	EvEstInvalidAck
	EvFinInvalidAck
	EvFin1AckWrongSeq
	EvFin1FinWrongSeq
	EvFin1InvalidAck
	EvFin2AckWrongSeq
	EvFin2FinWrongSeq
	EvFin2InvalidAck
	EvFinButNoSession
	EvFinOutOfWindow
	EvLastackAckWrongSeq
	EvLastackInvalidAck
	EvRstButNoSession
	EvTimewaitAckWrongSeq
	EvTimewaitInvalidAck
	EvPktInvalidTimestamp
	EvPktInvalidAck
	EvPktBrokenAck
	EvRstInvalidAck
	EvShutdownSynResend
	EvReassemblySeqGap
	EvReassemblyOverlapDifferentData
	EvPktBadWindowUpdate
	EvSuspectedRstInject
	EvEstPktBeforeLastAck
	EvClosewaitPktBeforeLastAck
	EvReassemblySegmentBeforeBaseSeq
	EvPktRetransmission
	EvWrongThread
	EvFinSyn
	EvPktSpuriousRetransmission
	EvReassemblyDepthReached
	EvEstAckZwpData
	EvRstWithData
	EvReassemblyNoSegment
	EvReassemblyUrgentOobLimitReached
	EvReassemblyInsertMemcap
	EvReassemblyInsertLimit
	EvReassemblyInsertInvalid
	evEnd
)

var eventNames = [...]string{
	"3whs_ack_in_wrong_dir",
	"3whs_async_wrong_seq",
	"3whs_right_seq_wrong_ack_evasion",
	"3whs_synack_in_wrong_direction",
	"3whs_synack_resend_with_different_ack",
	"3whs_synack_resend_with_diff_seq",
	"3whs_synack_toserver_on_syn_recv",
	"3whs_synack_with_wrong_ack",
	"3whs_synack_flood",
	"3whs_synack_tfo_data_ignored",
	"3whs_syn_flood",
	"3whs_syn_resend_diff_seq_on_syn_recv",
	"3whs_syn_toclient_on_syn_recv",
	"3whs_wrong_seq_wrong_ack",
	"3whs_ack_data_inject",
	"4whs_synack_with_wrong_ack",
	"4whs_synack_with_wrong_syn",
	"4whs_wrong_seq",
	"4whs_invalid_ack",
	"closewait_ack_out_of_window",
	"closewait_fin_out_of_window",
	"closewait_invalid_ack",
	"closing_ack_wrong_seq",
	"closing_invalid_ack",
	"est_packet_out_of_window",
	"est_synack_resend",
	"est_synack_resend_with_different_ack",
	"est_synack_resend_with_diff_seq",
	"est_synack_toserver",
	"est_syn_resend",
	"est_syn_resend_diff_seq",
	"est_syn_toclient",
	"est_invalid_ack",
	"fin_invalid_ack",
	"fin1_ack_wrong_seq",
	"fin1_fin_wrong_seq",
	"fin1_invalid_ack",
	"fin2_ack_wrong_seq",
	"fin2_fin_wrong_seq",
	"fin2_invalid_ack",
	"fin_but_no_session",
	"fin_out_of_window",
	"lastack_ack_wrong_seq",
	"lastack_invalid_ack",
	"rst_but_no_session",
	"timewait_ack_wrong_seq",
	"timewait_invalid_ack",
	"pkt_invalid_timestamp",
	"pkt_invalid_ack",
	"pkt_broken_ack",
	"rst_invalid_ack",
	"shutdown_syn_resend",
	"reassembly_seq_gap",
	"reassembly_overlap_different_data",
	"pkt_bad_window_update",
	"suspected_rst_inject",
	"est_pkt_before_last_ack",
	"closewait_pkt_before_last_ack",
	"reassembly_segment_before_base_seq",
	"pkt_retransmission",
	"wrong_thread",
	"fin_syn",
	"pkt_spurious_retransmission",
	"reassembly_depth_reached",
	"est_ack_zwp_data",
	"rst_with_data",
	"reassembly_no_segment",
	"reassembly_urgent_oob_limit_reached",
	"reassembly_insert_memcap",
	"reassembly_insert_limit",
	"reassembly_insert_invalid",
}

// EventName returns the name of a stream event, or "".
func EventName(e packet.Event) string {
	if e < packet.FirstStreamEvent || e >= evEnd {
		return ""
	}
	return eventNames[e-packet.FirstStreamEvent]
}

// EventByName finds a stream event by the name that the keyword stream-event gives.
func EventByName(name string) (packet.Event, bool) {
	for i, n := range eventNames {
		if n == name {
			return packet.FirstStreamEvent + packet.Event(i), true
		}
	}
	return 0, false
}
